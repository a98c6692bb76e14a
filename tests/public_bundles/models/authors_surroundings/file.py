# Databricks notebook source
open("/Volumes/main/shop/in/orders.csv")
