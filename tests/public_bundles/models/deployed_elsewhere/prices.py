import shop

print(shop.PRICE)
